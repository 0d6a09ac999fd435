# Going live in spite of a failed check takes a reason, which is kept.

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0004_environments'),
    ]

    operations = [
        migrations.AddField(
            model_name='deployment',
            name='overridden',
            field=models.JSONField(blank=True, default=list, verbose_name='checks set aside'),
        ),
        migrations.AddField(
            model_name='deployment',
            name='reason',
            field=models.TextField(blank=True, default='', verbose_name='reason'),
        ),
    ]
